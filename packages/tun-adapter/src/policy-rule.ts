/** A policy routing rule of the host: the one thing besides DNS that outlives a killed process. As data,
 * so that a record of it never names a command.
 * @see ip-rule(8)
 */
export interface PolicyRule {
  readonly version: 4 | 6;
  readonly priority: number;
  /** `192.0.2.1/32`; absent: the rule is for every destination. */
  readonly to?: string;
  /** Only UDP datagrams of this host from this port. */
  readonly udpSourcePort?: number;
  /** A routing table: its number, or `main`; or the answer that the destination cannot be reached. */
  readonly action: { readonly lookup: string } | 'unreachable';
}

/** The arguments of `ip` that add or remove exactly this rule. */
export function ruleArguments(verb: 'add' | 'del', rule: PolicyRule): string[] {
  return [
    ...[`-${rule.version}`, 'rule', verb, 'priority', String(rule.priority)],
    ...(rule.to === undefined ? [] : ['to', rule.to]),
    ...(rule.udpSourcePort === undefined
      ? []
      : // What this host forwards for others from the same port is theirs.
        ['iif', 'lo', 'ipproto', 'udp', 'sport', String(rule.udpSourcePort)]),
    ...(rule.action === 'unreachable' ? ['unreachable'] : ['lookup', rule.action.lookup]),
  ];
}

/** Reads a rule out of a parsed record. @returns `undefined` for anything that is not one. */
export function toPolicyRule(value: unknown): PolicyRule | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, priority, to, udpSourcePort, action } = value as Record<string, unknown>;
  if (version !== 4 && version !== 6) return undefined;
  if (typeof priority !== 'number' || !Number.isInteger(priority)) return undefined;
  // The main table's rule and those behind it are never ours.
  if (priority < 1 || priority >= 32766) return undefined;
  const isPrefix = typeof to === 'string' && /^[\da-f:.]{2,45}\/\d{1,3}$/.test(to);
  if (to !== undefined && !isPrefix) return undefined;
  const isPort = typeof udpSourcePort === 'number' && isPortNumber(udpSourcePort);
  if (udpSourcePort !== undefined && !isPort) return undefined;
  const target = toAction(action);
  if (!target) return undefined;
  return {
    version,
    priority,
    ...(isPrefix ? { to } : {}),
    ...(isPort ? { udpSourcePort } : {}),
    action: target,
  };
}

function isPortNumber(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65535;
}

function toAction(action: unknown): PolicyRule['action'] | undefined {
  if (action === 'unreachable') return action;
  if (typeof action !== 'object' || action === null || !('lookup' in action)) return undefined;
  const { lookup } = action;
  const isTable = typeof lookup === 'string' && /^(main|\d{1,10})$/.test(lookup);
  return isTable ? { lookup } : undefined;
}
