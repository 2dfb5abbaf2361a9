"""What can be tracked besides numbers: images, audio, texts, distributions, figures and objects of one's own.

Importing this loads nothing: a training script pays for a kind when it makes the first object of it.
"""
