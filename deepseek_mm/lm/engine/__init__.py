"""The inference engine: scheduler, model runner, sampling, one step for many answers."""
