"""The paper's evaluation: its systems from one shared coarse sound per clip, its tables, the VO-Free set."""
