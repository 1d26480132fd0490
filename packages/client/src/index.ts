export { type ClientOptions, MeridianClient } from './client.js'
export { ClientError, type ClientErrorCode } from './client-error.js'
export {
  type AgreementInfo,
  type ClusterCollection,
  type ClusterInfo,
  type RebuildsInfo,
  type DigestInfo,
  digestKey,
  type ErasureInfo,
  type PeerInfo,
  type PendingChangeInfo,
  type RegionChange,
  type RegionMemberInfo,
  type RegionsInfo,
  type RetireRegion,
  type TraceInfo,
  type VectorJson,
} from './cluster.js'
export type { Call } from './endpoint.js'
export { backoffMs, NO_RETRY, RETRY_DEFAULT, type RetryPolicy } from './retry.js'
export type * from './types.js'
export { parseJson, stringifyJson } from './wide-json.js'
