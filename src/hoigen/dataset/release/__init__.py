"""A dataset as it is given to others.

rights licences.csv sources.csv   who may do what with whose videos; what a stated licence would not allow
index                             the Parquet tables: clips, and how captions came about
describe                          the facts of a release; card, Croissant, the EU's public summary made of them
making                            all of it, whole or not at all
checking                          whether a release is whole; two releases compared
"""
