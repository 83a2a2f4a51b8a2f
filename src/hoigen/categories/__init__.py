"""Objects and actions out of captions: HOIGen-1M, section 3.2 ("annotate each video with HOI categories").

words.py       what a word can be, and its base form       wordlists.py  lists that grammar does not give
grammar.py     a sentence -> verbs and noun phrases        reader.py     a caption -> who does what to what
normal.py      one name per action and object              hicomap.py    names -> HICO-DET's
people.py      close-up, one person, several people        asking.py     the same question to a language model
table.py       rows, the Parquet file, the distribution
"""
