"""What observers of interactions see, how it is written, and what coarse_hoi, fine_hoi and hoi_lite make of it.

observation  what an observer is, and how what it says is kept      frame      what is seen in one frame
lines        a frame as a line of the documented formats            pair_file, scene_file   whole files of them
detections   a pair of person and object, and the words for it      handling   pairs of boxes and hands, without verbs
contact      which part of the body a verb touches the object with  skeleton   keypoints, and how tall a person is
masks        which pixels are the object                            scene      all that fine_hoi needs of one frame
tracks       one person and one object through a video              fine       numbers in, the score out (numpy alone)
"""
