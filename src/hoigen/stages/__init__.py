"""What each stage of a run does: videos -> clips, clips -> scores, kept clips -> captions (how is in `work/stage.py`).

Each stage plans what is missing (parts on disk, then journals of shards under way), hands that to the
executor, journals every finished row at once, and writes a shard's parts when its last row is in.
"""
