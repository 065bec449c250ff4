import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

const scenarios = 'test/scenarios/**/*.test.ts'

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    globalSetup: ['test/helpers/global-setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    // The scenarios bound how long a recovery takes, so nothing else may use the machine while they run.
    projects: [
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['test/**/*.test.ts'],
          exclude: [scenarios],
          // They wait more than they compute, so one worker for each core but one would leave a small machine idle.
          maxWorkers: availableParallelism() + 1,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'scenarios',
          include: [scenarios],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
