"""What fine_hoi is made of: distances of persons from masks, tracks of boxes, pairs of both, the score, and what is
kept to be drawn."""
