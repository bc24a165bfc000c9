/** Who may import whom (ARCHITECTURE, "Folders"). */
const mains = '^(agent|home|deploy/[a-z]+|models)/(main|eval-main)\\.ts$'

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'protocol-imports-no-side',
      comment: 'protocol is the words: no IO, no side.',
      severity: 'error',
      from: { path: '^protocol/' },
      to: { path: '^(agent|models|hardware|home|deploy|demo|bench|drill|fleet|check|log|cli|wire|storage)/' },
    },
    {
      name: 'protocol-does-no-io',
      severity: 'error',
      from: { path: '^protocol/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'storage-and-wire-know-no-side',
      severity: 'error',
      from: { path: '^(storage|wire|cli)/' },
      to: { path: '^(agent|models|hardware|home|deploy|demo|bench|drill|fleet|check)/' },
    },
    {
      name: 'home-and-hub-know-no-agent',
      severity: 'error',
      from: { path: '^(home|deploy)/' },
      to: { path: '^(agent|hardware|models|demo|bench|drill|fleet|check)/' },
    },
    {
      name: 'log-knows-no-side',
      comment: 'Anybody verifies a log, with public keys alone.',
      severity: 'error',
      from: { path: '^log/' },
      to: { path: '^(agent|models|hardware|home|deploy|demo|bench|drill|fleet|check|wire)/' },
    },
    {
      name: 'check-asks-as-anybody',
      comment: 'A camera proves who it is with its own key, and needs nothing else of the board.',
      severity: 'error',
      from: { path: '^check/' },
      to: {
        path: '^(agent|models|hardware|home|deploy|demo|bench|drill|fleet)/',
        pathNot: '^(agent/household|agent/identity/idevid|hardware/key-store)\\.ts$',
      },
    },
    {
      name: 'hub-knows-no-home',
      severity: 'error',
      from: { path: '^deploy/' },
      to: { path: '^home/' },
    },
    {
      name: 'deploys-know-not-each-other',
      comment:
        'Whoever runs a hub makes no camera; an operator’s answers need nothing but the hub’s address and folder.',
      severity: 'error',
      from: { path: '^deploy/(hub|factory|incident)/' },
      to: { path: '^deploy/', pathNot: '^deploy/$1/' },
    },
    {
      name: 'agent-takes-interfaces',
      comment: 'Only main.ts chooses implementations.',
      severity: 'error',
      from: { path: '^agent/', pathNot: mains },
      to: { path: '^(hardware|models)/', pathNot: '^(hardware/hardware|models/face-detector)\\.ts$' },
    },
    {
      name: 'agent-knows-no-other-side',
      severity: 'error',
      from: { path: '^agent/' },
      to: { path: '^(home|deploy|demo|bench|drill|fleet)/' },
    },
    {
      name: 'hardware-and-models-know-no-side',
      severity: 'error',
      from: { path: '^(hardware|models)/', pathNot: mains },
      to: { path: '^(agent|home|deploy|demo|bench|drill|fleet|cli|wire)/' },
    },
    {
      name: 'nothing-imports-tests',
      comment: 'Drills are tests that a person can run.',
      severity: 'error',
      from: { pathNot: '^(test|drill)/' },
      to: { path: '^test/' },
    },
    {
      name: 'faults-need-no-test-runner',
      comment: 'Power cuts are run by commands, too.',
      severity: 'error',
      from: { path: '^test/support/(faults|cuts)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-dev-dependency-ships',
      severity: 'error',
      from: { pathNot: '^test/|\\.config\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'not-in-package-json',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      extensions: ['.ts', '.js'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
