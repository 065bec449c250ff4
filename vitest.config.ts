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
          // They wait about as much as they compute; with a worker less than cores a small machine would be idle half the time.
          maxWorkers: availableParallelism() + 2,
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
