import type { IkeSession } from '../session/ike-session.ts';
import type { BindingStatus } from './session-binding.ts';

/** What is known of the mapping of a session; `undefined` where its lifetime is not measured. */
export function bindingStatus({ binding, liveness }: IkeSession): BindingStatus | undefined {
  if (!binding || !liveness) return undefined;
  const { lifetimeMs } = binding.interval ?? {};
  return {
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
    keepaliveMs: liveness.keepaliveMs,
    state: binding.interval?.source ?? 'searching',
  };
}
