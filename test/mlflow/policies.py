"""The policy that the suite runs Greenroom under: free as MLflow is, but for the models of the tests about gates.

Nothing that the other tests register has this metric, so it stays in None, where MLflow leaves it, until it is moved.
"""

POLICY = """
people:
  alice: { aliases: [alice@example.com] }
  bob: {}
defaults:
  gate: none
  validate: [{ metrics: { never_measured: { min: 0 } } }]
  test: []
  approval: { approvers: [alice, bob], quorum: 1 }
models:
  'gated-*':
    gate: approved
    validate: [artifact]
    protected_aliases: [champion]
  'prompts-*':
    gate: none
    validate: []
  'trained-*':
    gate: approved
    validate: [artifact, { documented: { run: true, dataset: true } }]
  'rossmann-*':
    gate: approved
    validate: [artifact]
"""
