"""Planning: the policy's word on every file, and the judgement on the whole submission."""
