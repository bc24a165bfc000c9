import { defineConfig } from 'vitest/config'

/** Tests run as they were compiled: workers and commands that they start are the ones that ship. */
const project = (name: string, options: { testTimeout: number }) => ({
  test: {
    name,
    include: [`dist/test/${name}/**/*.test.js`],
    hookTimeout: 120_000,
    // What is tested is loaded by Node itself.
    server: { deps: { external: [/\/dist\/(?!test\/)/] } },
    ...options,
  },
})

export default defineConfig({
  test: {
    // They wait for cameras and hubs more than they compute; on two cores Vitest alone would run one file at a time.
    maxWorkers: 3,
    projects: [
      project('unit', { testTimeout: 30_000 }),
      project('contract', { testTimeout: 60_000 }),
      project('e2e', { testTimeout: 180_000 }),
    ],
  },
})
