"""What the measures coarse_hoi and fine_hoi share: detections, contact, tracks, masks, keypoints, thresholds.

detections  what a detector of interactions says of a frame, and the Protocol of such detectors
lite        such a detector on a CPU, with bundled weights          recorded   one that reads a file
thresholds  theta: sweeps, and a theta from labelled frames
contact     which part of the body a verb touches the object with   skeleton   keypoints, and how tall a person is
masks       which pixels are the object                             scene      all that fine_hoi needs of one frame
tracks      one person and one object through a video               fine       numbers in, the score out (numpy alone)
"""
