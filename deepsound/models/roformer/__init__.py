"""BS-RoFormer and Mel-Band RoFormer (arXiv 2309.02612, 2310.01809): music source separation."""
