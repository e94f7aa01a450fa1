// Takes numbered packets out of a ring, and says how many came whole and in order.
import { register } from 'tsx/esm/api';

register();
await import('./ring-reader.ts');
