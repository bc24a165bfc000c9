import { defineConfig } from 'vitest/config'

/** Tests run as they were compiled: workers and commands that they start are the ones that ship. */
const project = (name: string, options: { testTimeout: number; fileParallelism?: boolean }) => ({
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
    projects: [
      project('unit', { testTimeout: 30_000 }),
      project('contract', { testTimeout: 60_000 }),
      project('e2e', { testTimeout: 180_000, fileParallelism: false }),
    ],
  },
})
