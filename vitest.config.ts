import { defineConfig } from "vitest/config"

const limits = { testTimeout: 30_000, hookTimeout: 60_000 }

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { ...limits, name: "packages", include: ["packages/*/test/**/*.test.ts"] } },
      {
        test: {
          ...limits,
          name: "apps",
          include: ["apps/*/test/**/*.test.ts"],
          globalSetup: "apps/cli/test/support/Bundle.ts"
        }
      }
    ]
  }
})
