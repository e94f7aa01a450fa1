import { defineConfig } from 'vitest/config';

const node = [
  'posix',
  'crypto-openssl',
  'udp-adapter',
  'tun-adapter',
  'linux-platform',
  'datapath',
  'vpn',
  'cli',
];
const resolve = { conditions: ['@ipsec-kit/source'] };
const ssr = { resolve: { conditions: ['@ipsec-kit/source'] } };

export default defineConfig({
  resolve,
  ssr,
  test: {
    reporters: ['default', './.ci/interop-report.ts'],
    projects: [
      { resolve, ssr, test: { name: 'docs', include: ['.ci/*.test.ts'] } },
      {
        resolve,
        ssr,
        test: {
          name: 'pure',
          include: ['packages/*/test/**/*.test.ts'],
          exclude: ['**/interop/**', ...node.map((name) => `packages/${name}/**`)],
          setupFiles: ['.ci/forbid-ambient-time.ts'],
          testTimeout: 60_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'node',
          include: node.map((name) => `packages/${name}/test/**/*.test.ts`),
          exclude: ['**/interop/**'],
          testTimeout: 60_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'interop',
          include: ['packages/*/test/interop/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
