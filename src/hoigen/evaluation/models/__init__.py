"""Tables of what was measured: models by measures, differences, groups of prompts, agreement with people.

read      a run -> videos with their numbers         vbench    VBench's result files, in and out
columns   what a number is: label, unit, direction   paper     tables 2 to 4 of HOIGen-1M
counting  what a video without a number counts with
means     means and differences, with intervals      tables    models by measures, pairs of models
groups    per verb, object, category; best and worst warnings  what makes numbers not comparable
grid      a table and its cells                      forms     Markdown, CSV, LaTeX, HTML
ratings   people's ratings and votes, and how numbers agree with them; ratingsets: public ones; people: models
"""
