"""How far running work has come: counted by the stage, left in its workspace, told by whoever looks."""
