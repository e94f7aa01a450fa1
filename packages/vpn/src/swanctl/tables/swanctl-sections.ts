import type { SectionRule } from '../schema.ts';
import { authoritiesSection } from './authority-keys.ts';
import { connectionsSection } from './connection-keys.ts';
import { poolsSection } from './pool-keys.ts';
import { secretsSection } from './secret-keys.ts';

/** A whole swanctl.conf. */
export const swanctlRoot: SectionRule = {
  path: '',
  about: 'swanctl.conf',
  keys: {},
  sections: [
    { match: 'name', name: 'connections', rule: connectionsSection },
    { match: 'name', name: 'secrets', rule: secretsSection },
    { match: 'name', name: 'pools', rule: poolsSection },
    { match: 'name', name: 'authorities', rule: authoritiesSection },
  ],
};
