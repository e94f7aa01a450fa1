import type { RadiusOptions, SettingsOptions } from '../options.ts';
import { buildRadius } from './build-radius.ts';
import { type PositionMap, present, SettingsReader } from './settings-reader.ts';
import { createSection, type SettingsSection } from './settings-tree.ts';

/** What strongswan.conf says that matters here. */
export interface BuiltSettings {
  readonly settings: SettingsOptions;
  /** `charon.replay_window`: for children that say nothing. */
  readonly replayWindow: number | undefined;
  /** `charon.plugins.eap-radius`. */
  readonly radius: RadiusOptions | undefined;
  /** `charon.plugins.eap-ttls.request_peer_auth`: for connections that say nothing. */
  readonly ttlsCert: boolean | undefined;
}

/** Makes settings out of `charon { ... }` and `charon-systemd { ... }`; where both speak, the second goes first. */
export function buildSettings(root: SettingsSection, positions: PositionMap): BuiltSettings {
  const general = settingsOf(root, 'charon', positions);
  const special = settingsOf(root, 'charon-systemd', positions);
  return {
    settings: { ...general.settings, ...special.settings },
    replayWindow: special.replayWindow ?? general.replayWindow,
    radius: special.radius ?? general.radius,
    ttlsCert: special.ttlsCert ?? general.ttlsCert,
  };
}

function settingsOf(root: SettingsSection, name: string, positions: PositionMap): BuiltSettings {
  const section = root.sections.get(name);
  // A section that is not there must not take the place of one that is.
  const known = section ? positions : new Map();
  const reader = new SettingsReader(section ?? createSection(root.at), name, 'settings', known);
  return {
    replayWindow: reader.integer('replay_window', 'replayWindow'),
    radius: buildRadius(section, name, known),
    ttlsCert: ttlsCertOf(section, name, known),
    settings: present({
      port: reader.integer('port', 'port'),
      portNatT: reader.integer('port_nat_t', 'portNatT'),
      keepAliveMs: reader.timeMs('keep_alive', 'keepAliveMs'),
      keepAliveDpdMarginMs: reader.timeMs('keep_alive_dpd_margin', 'keepAliveDpdMarginMs'),
      keepAliveForced: reader.boolean('keep_alive_forced', 'keepAliveForced'),
      networkMonitor: reader.boolean('network_monitor', 'networkMonitor'),
      nat64Prefix: reader.text('nat64_prefix', 'nat64Prefix'),
      workers: reader.integer('workers', 'workers'),
      retransmitTimeoutMs: reader.fineTimeMs('retransmit_timeout', 'retransmitTimeoutMs'),
      retransmitBase: reader.number('retransmit_base', 'retransmitBase'),
      retransmitTries: reader.integer('retransmit_tries', 'retransmitTries'),
      retransmitLimitMs: reader.timeMs('retransmit_limit', 'retransmitLimitMs'),
      retransmitJitterPercent: reader.integer('retransmit_jitter', 'retransmitJitterPercent'),
      fragmentSize: reader.integer('fragment_size', 'fragmentSize'),
      cookieThreshold: reader.integer('cookie_threshold', 'cookieThreshold'),
      cookieThresholdIp: reader.integer('cookie_threshold_ip', 'cookieThresholdIp'),
      blockThreshold: reader.integer('block_threshold', 'blockThreshold'),
      initLimitHalfOpen: reader.integer('init_limit_half_open', 'initLimitHalfOpen'),
      halfOpenTimeoutMs: reader.timeMs('half_open_timeout', 'halfOpenTimeoutMs'),
      ikesaLimit: reader.integer('ikesa_limit', 'ikesaLimit'),
      makeBeforeBreak: reader.boolean('make_before_break', 'makeBeforeBreak'),
    }),
  };
}

function ttlsCertOf(
  charon: SettingsSection | undefined,
  name: string,
  positions: PositionMap,
): boolean | undefined {
  const section = charon?.sections.get('plugins')?.sections.get('eap-ttls');
  if (!section) return undefined;
  const path = `${name}.plugins.eap-ttls`;
  return new SettingsReader(section, path, 'settings', positions).boolean('request_peer_auth');
}
