"""Prompts that ask for a human-object interaction, and the files they are kept in.

suite     a prompt, a suite of them, and reading one (also VBench's lists and plain text)
choose    HICO-DET's 600 pairs -> the 306 that a video can be asked for, by a stated rule
wording   a pair as an English sentence, with its category, contact and number of people
extend    long prompts by a language model, checked by another look
export    a suite as JSON, as VBench's list, as plain text
seen      how often a prompt's interaction occurs in captions
"""
