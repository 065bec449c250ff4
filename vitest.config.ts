import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const scenarios = 'test/scenarios/**/*.test.ts'
// Scenarios in which everything waits for what does not come, most of the time.
const standstills = ['blocked-model', 'silent-database'].map((name) => `test/scenarios/${name}.test.ts`)

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    globalSetup: ['test/helpers/global-setup.ts'],
    // For a test that hangs, so far off that none comes near on a busy machine. What must be quick is timed by its test.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 15_000 } },
    // The scenarios bound how long a recovery takes, so nothing else may use the machine while they run, but for those
    // that leave it to others.
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: [scenarios],
          // They wait about as much as they compute. A worker fewer than cores, as vitest has it, would leave a small
          // machine idle half the time.
          maxWorkers: availableParallelism() + 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'standstills',
          include: standstills,
          maxWorkers: standstills.length,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'scenarios',
          include: [scenarios],
          exclude: standstills,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
