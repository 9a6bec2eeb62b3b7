"""The nouns the stages hand over: Intent, Release, Facts, Plan, Event, History. They import nothing of ours."""
