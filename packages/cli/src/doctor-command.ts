import type { DoctorArguments } from './doctor/run-doctor.ts';
import { ExitCode } from './exit-codes.ts';

/** `ipsec-kit doctor`: says what is wrong with a configuration and this host. @returns 0, or 1 when something stands in the way. */
export async function doctorCommand(args: DoctorArguments): Promise<number> {
  // Loaded when it is needed: the other commands have no use for it.
  const { runDoctor } = await import('./doctor/run-doctor.ts');
  const { findingsText } = await import('./doctor/finding.ts');
  const findings = await runDoctor(args, Date.now());
  const isHealthy = findings.every(({ level }) => level !== 'error');
  const text = args.json
    ? JSON.stringify({ healthy: isHealthy, findings }, null, 2)
    : findingsText(findings);
  process.stdout.write(`${text}\n`);
  return isHealthy ? ExitCode.ok : ExitCode.internal;
}
