"""The review pages: where a person reads an output beside its sources, compares both paths, and decides."""
