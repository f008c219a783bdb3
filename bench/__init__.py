"""What a release costs. Nothing of ours is imported but what starts the processes: the bench uses public doors."""
