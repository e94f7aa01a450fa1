import { defineConfig, type Options } from 'tsup';

/** Builds one publishable ESM library: each entry keeps its own file, so that a subpath pulls in no other. */
export function library(entry: string[]): Options | Options[] | ReturnType<typeof defineConfig> {
  return defineConfig({
    entry: Object.fromEntries(
      entry.map((file) => [file.replace(/^src\//, '').replace(/\.ts$/, ''), file]),
    ),
    format: 'esm',
    target: 'node20',
    platform: 'neutral',
    external: [/^node:/],
    // Subpaths for Node live in pure packages, whose own tsconfig knows no Node; the type-check keeps the rest pure.
    dts: { compilerOptions: { ignoreDeprecations: '6.0', types: ['node'] } },
    sourcemap: true,
    clean: true,
    splitting: true,
    treeshake: true,
  });
}
