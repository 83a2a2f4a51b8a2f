"""The two stages of a curation run, shard by shard: videos -> clips, clips -> scores.

Each stage plans what is missing (parts on disk, then journals of shards under way), hands that to the
executor, journals every finished row at once, and writes a shard's parts when its last row is in.
"""
