"""The Claude port: the only package that imports the SDK.

`client.Claude` speaks in our words (`Ask`, `Reply`, `Unanswered`); `wire` shapes requests and reads answers;
`failures` turns every SDK exception into ours, in one place. Nothing here retries a batch creation.
"""
