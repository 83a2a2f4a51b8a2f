"""Objects and actions out of captions: HOIGen-1M, section 3.2 ("annotate each video with HOI categories").

words wordlists          a caption -> words; what a word can be, its base form; lists that no dictionary gives
tags grammar             a sentence -> nouns and verbs -> noun phrases and what joins them
reader mentions          a caption -> who does what to what; what `it` stands for
normal hicomap           one name per action and object; HICO-DET's names for them
people rows              close-up, one person, several people; all of it as rows
by_expert                the same by a language model
captions table           captions from files; the Parquet file, the distribution
"""
