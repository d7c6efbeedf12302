import { defineConfig } from "vitest/config"

const limits = { testTimeout: 60_000, hookTimeout: 60_000 }

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        // Nothing in the packages keeps state in a module, so files can share what they import.
        test: {
          ...limits,
          name: "packages",
          include: ["packages/*/test/**/*.test.ts", "bench/test/**/*.test.ts"],
          isolate: false
        }
      },
      {
        test: {
          ...limits,
          name: "apps",
          include: ["apps/*/test/**/*.test.ts"],
          globalSetup: ["apps/cli/test/support/Bundle.ts", "apps/worker/test/support/Bundle.ts"]
        }
      },
      {
        // Trials wait for others more than they work; so they come last, and more at once.
        test: {
          ...limits,
          name: "trials",
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
          include: ["trials/**/*.test.ts"],
          globalSetup: "apps/cli/test/support/Bundle.ts",
          isolate: false
        }
      }
    ]
  }
})
