"""What every store has at its root for readers who know nothing of Muniment."""
