"""The paper's evaluation: systems on one shared coarse sound, tables, the VO-Free set."""
