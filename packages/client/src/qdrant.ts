import type { QdrantClient } from '@qdrant/js-client-rest'

/**
 * The official client for one region. Host, port and path are given one by one: from a URL it drops the path, and takes
 * 6333 for a port that is missing or the scheme's own.
 * @throws Error when the optional peer dependency `@qdrant/js-client-rest` is not installed.
 */
export const openQdrant = async (
  region: string,
  apiKey: string | undefined,
  timeoutMs: number,
): Promise<QdrantClient> => {
  const { QdrantClient } = await import('@qdrant/js-client-rest')
  const { protocol, hostname, port, pathname } = new URL(region)
  const https = protocol === 'https:'
  return new QdrantClient({
    host: hostname,
    port: Number(port || (https ? 443 : 80)),
    https,
    timeout: timeoutMs,
    checkCompatibility: false,
    ...(pathname === '/' ? {} : { prefix: pathname }),
    ...(apiKey === undefined ? {} : { apiKey }),
  })
}
