import { readFileSync } from 'node:fs';
import { runCommandLine } from './command-line.ts';
import {
  disconnectCommand,
  monitorCommand,
  revalidateCommand,
  sessionCommand,
  statusCommand,
} from './control-commands.ts';
import { doctorCommand } from './doctor-command.ts';
import { ExitCode } from './exit-codes.ts';
import { pkiCommand } from './pki-command.ts';
import { printFailure } from './printer.ts';
import { profileCommand } from './profile-command.ts';
import { connectCommand, serveCommand } from './tunnel-commands.ts';

// Output that nobody reads any more (a closed pipe) must not end a tunnel.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

const manifest: unknown = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
);
const version =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';

runCommandLine(
  process.argv.slice(2),
  {
    connect: connectCommand,
    serve: serveCommand,
    status: statusCommand,
    monitor: monitorCommand,
    disconnect: disconnectCommand,
    session: sessionCommand,
    revalidate: revalidateCommand,
    doctor: doctorCommand,
    pki: pkiCommand,
    profile: profileCommand,
  },
  version,
).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    printFailure(`A defect of this program: ${error instanceof Error ? error.message : error}`);
    process.exit(ExitCode.internal);
  },
);
