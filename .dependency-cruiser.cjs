const { layers, pure } = require('./.ci/layers.cjs');

// Within a layer only these may look at one another.
const sameLayer = { datapath: ['udp-adapter', 'tun-adapter'] };

const at = (names) => `^packages/(${names.join('|')})/`;
const directions = layers.flatMap((names, index) => {
  const above = layers
    .slice(index + 1)
    .flat()
    .concat('simulator');
  return names.map((name) => {
    const peers = names.filter(
      (other) => other !== name && !(sameLayer[name] ?? []).includes(other),
    );
    return {
      name: `layer-of-${name}`,
      severity: 'error',
      comment: `${name} is in layer ${index}: it may not import its peers or what lies above`,
      from: { path: `^packages/${name}/src/` },
      to: { path: at([...peers, ...above]) },
    };
  });
});

module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'simulator-runs-pure-machines-only',
      severity: 'error',
      from: { path: '^packages/simulator/src/' },
      to: {
        path: at([
          'posix',
          'crypto-openssl',
          'udp-adapter',
          'tun-adapter',
          'linux-platform',
          'datapath',
          'vpn',
          'cli',
        ]),
      },
    },
    {
      name: 'pure-packages-stay-pure',
      severity: 'error',
      comment: 'no node:* in a pure package, but for the subpaths that exist for Node',
      from: {
        path: `^packages/(${pure.join('|')})/src/`,
        pathNot: ['^packages/clock/src/system\\.ts$', '^packages/(crypto|eap|x509)/src/node/'],
      },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-entries-do-not-reach-node-subpaths',
      severity: 'error',
      from: {
        path: `^packages/(${pure.join('|')})/src/`,
        pathNot: ['^packages/(crypto|eap|x509)/src/node/'],
      },
      to: { path: ['^packages/clock/src/system\\.ts$', '^packages/(crypto|eap|x509)/src/node/'] },
    },
    {
      name: 'noble-only-in-the-noble-provider',
      severity: 'error',
      from: { path: '^packages/', pathNot: ['^packages/crypto/(src/noble|test|bench)/'] },
      to: { path: 'node_modules/@noble/' },
    },
    {
      name: 'no-package-imports-anothers-source',
      severity: 'error',
      comment: 'go through the package name and its exports',
      from: { path: '^packages/([^/]+)/' },
      to: {
        path: '^packages/[^/]+/',
        pathNot: '^packages/$1/',
        dependencyTypes: ['local'],
        dependencyTypesNot: ['npm', 'aliased', 'aliased-workspace'],
      },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'not-to-unresolvable',
      severity: 'error',
      from: { pathNot: '^packages/cli/bin/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'not-to-dev-dependencies',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { dependencyTypes: ['npm-dev'], pathNot: 'node_modules/@types/' },
    },
    {
      name: 'no-undeclared-dependency',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.base.json' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@ipsec-kit/source', 'import', 'node', 'default', 'types'],
    },
    exclude: { path: ['/dist/', '/\\.cache/', '/node_modules/(?!@noble)'] },
    doNotFollow: { path: 'node_modules' },
  },
};
