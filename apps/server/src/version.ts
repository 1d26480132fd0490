/** Version of this store. */
export const VERSION = '0.1.0'

/**
 * The Qdrant REST version whose shapes are served. Its clients read it at `GET /` and warn unless the major version is theirs
 * and the minor at most one apart, so it is reviewed with each Qdrant minor.
 */
export const API_VERSION = '1.18.3'

/** Revision that was built, when the build says so. */
export const COMMIT = process.env.MERIDIAN_COMMIT ?? ''
