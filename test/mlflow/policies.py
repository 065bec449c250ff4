"""The policy that the suite runs Greenroom under: free as MLflow is, but for the models of the gating tests."""

POLICY = """
people:
  alice: { aliases: [alice@example.com] }
  bob: {}
defaults:
  gate: none
  validate: []
  test: []
models:
  'gated-*':
    gate: approved
    validate: [artifact]
    test: []
    approval: { approvers: [alice, bob], quorum: 1 }
"""
