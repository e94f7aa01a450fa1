import { parseArgs } from 'node:util';

/** Reads the options of this command; ends it with the usage for `--help`, and with a sentence and the usage where they make no sense.
 * @param {string} usage
 * @param {import('node:util').ParseArgsOptionsConfig} options
 * @returns {Record<string, any>}
 */
export function readOptions(usage, options) {
  try {
    const { values } = parseArgs({
      options: { ...options, help: { type: 'boolean', short: 'h', default: false } },
    });
    if (!values.help) return values;
  } catch (error) {
    refuse(error instanceof Error ? error.message : String(error), usage);
  }
  console.log(usage);
  process.exit();
}

/** Ends with the reason and the usage: the caller has made a mistake.
 * @param {string} reason
 * @param {string} usage
 * @returns {never}
 */
export function refuse(reason, usage) {
  console.error(`${reason}\n${usage}`);
  process.exit(2);
}
