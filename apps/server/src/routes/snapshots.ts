import { asStoreError, badRequest, unsupported } from '../http/errors.js'
import { accepted } from '../http/envelope.js'
import { type Call, type Route, Whole } from '../http/router.js'
import { collectionOf, nameOf, type Region } from '../region.js'
import { parseCollectionName } from '../schema/collection.js'
import { optional, readMap, readText } from '../schema/read.js'
import type { ReceivedFile, StoredSnapshot } from '../snapshots/folder.js'
import { boundaryOf, filePart } from '../snapshots/multipart.js'
import { readRemote, readRemoteKey } from '../snapshots/remote.js'
import type { Priority } from '../snapshots/restore.js'
import type { RecoverRequest } from '../snapshots/snapshots.js'

/** Snapshots of a collection, and of the whole store. */
export const snapshotRoutes = (region: Region): Route[] => {
  const { snapshots, config } = region
  const recovered = (call: Call, run: () => Promise<void>): unknown =>
    waited(region, call, async () => {
      await run()
      return true
    })
  const recoverFrom = async (
    get: () => Promise<ReceivedFile>,
    name: string,
    request: RecoverRequest,
  ): Promise<void> => {
    const file = await get()
    try {
      await snapshots.recover(name, file, request)
    } finally {
      await snapshots.discard(file)
    }
  }
  return [
    ...keepingRoutes(region, '/snapshots', () => undefined),
    ...keepingRoutes(region, '/collections/:collection/snapshots', (name) => collectionOf(region, name).name),
    {
      method: 'PUT',
      path: '/collections/:collection/snapshots/recover',
      handle: async (call) => {
        const name = targetOf(region, call)
        const body = readMap(call.body, 'body')
        const location = readText(body.location, 'location')
        const priority = readPriority(optional(body.priority, 'priority', undefined, readText))
        const checksum = readChecksum(optional(body.checksum, 'checksum', undefined, readText))
        const url = readRemote(location)
        if (url !== undefined) {
          if (!config.areSnapshotUrlsTaken)
            throw unsupported('location: URLs are switched off in this region (snapshot-urls); upload the file')
          const apiKey = readRemoteKey(optional(body.api_key, 'api_key', undefined, readText))
          const { snapshotBytesMax: bytesMax, requestTimeoutMs: idleMs, snapshotTimeoutMs: totalMs } = config
          const remote = { url, apiKey, bytesMax, idleMs, totalMs }
          return recovered(call, () => recoverFrom(() => snapshots.fetch(remote), name, { priority, checksum }))
        }
        const snapshot = await snapshots.locate(location)
        return recovered(call, () => snapshots.recover(name, snapshot, { priority, checksum }))
      },
    },
    {
      method: 'POST',
      path: '/collections/:collection/snapshots/upload',
      ignoresBody: true,
      handle: async (call) => {
        const name = targetOf(region, call)
        readWaited(call)
        const priority = readPriority(call.query.get('priority') ?? undefined)
        const checksum = readChecksum(call.query.get('checksum') ?? undefined)
        const boundary = boundaryOf(call.request.headers['content-type'])
        // What is left of a refused body is read and forgotten, so that the answer arrives.
        const body = call.request.iterator({ destroyOnReturn: false })
        // It has long to come in, and must keep coming.
        call.request.setTimeout(config.requestTimeoutMs)
        const file = await snapshots.folder
          .receive(filePart(body, boundary, 'snapshot'), config.snapshotBytesMax)
          .finally(() => call.request.setTimeout(0).resume())
        return recovered(call, () => recoverFrom(async () => file, name, { priority, checksum }))
      },
    },
  ]
}

/** Makes, lists, sends and deletes. `ownerOf` gives the visible name of a collection that must exist. */
const keepingRoutes = (region: Region, path: string, ownerOf: (name: string) => string | undefined): Route[] => {
  const { snapshots } = region
  const owner = ({ params }: Call): string | undefined => ownerOf(params.collection ?? '')
  // A collection's snapshots outlive it: they are what it is brought back from, and somebody must be able to delete them.
  const keeper = async (call: Call): Promise<string | undefined> => {
    const { collection } = call.params
    const isGone = collection !== undefined && nameOf(region, collection) === undefined
    return isGone && (await snapshots.keeps(collection)) ? collection : owner(call)
  }
  return [
    {
      method: 'GET',
      path,
      handle: async (call) => (await snapshots.list(await keeper(call))).map(shown),
    },
    {
      method: 'POST',
      path,
      ignoresBody: true,
      handle: (call) => {
        const name = owner(call)
        return waited(region, call, async () => shown(await snapshots.create(name)))
      },
    },
    {
      method: 'GET',
      path: `${path}/:snapshot`,
      handle: async (call) => {
        const found = await snapshots.find(await keeper(call), call.params.snapshot!)
        return new Whole({
          status: 200,
          contentType: 'application/octet-stream',
          body: await snapshots.folder.read(found),
          headers: {
            'content-length': String(found.size),
            'content-disposition': `attachment; filename="${found.name}"`,
          },
        })
      },
    },
    {
      method: 'DELETE',
      path: `${path}/:snapshot`,
      handle: async (call) => {
        const found = await snapshots.find(await keeper(call), call.params.snapshot!)
        return waited(region, call, async () => {
          await snapshots.folder.remove(found)
          return true
        })
      },
    },
  ]
}

const shown = ({ name, createdAt, size, checksum }: StoredSnapshot) => ({
  name,
  creation_time: createdAt,
  size,
  checksum,
})

/** The collection itself if it is there; else the name that it will have. */
const targetOf = (region: Region, { params }: Call): string =>
  nameOf(region, params.collection!) ?? parseCollectionName(params.collection!)

const readWaited = ({ query }: Call): boolean => {
  const wait = query.get('wait') ?? 'true'
  if (wait !== 'true' && wait !== 'false') throw badRequest(`wait ${wait}: use true or false`)
  return wait === 'true'
}

/** With `wait=false` the answer is 202 at once; how it ended is in the log, and in the list. */
const waited = (region: Region, call: Call, run: () => Promise<unknown>): unknown => {
  const started = performance.now()
  if (readWaited(call)) return run()
  run().catch((thrown: unknown) => region.report(asStoreError(thrown), 'a snapshot job failed'))
  return new Whole(accepted((performance.now() - started) / 1000))
}

const readPriority = (text: string | undefined): Priority => {
  if (text === undefined || text === 'snapshot' || text === 'replica') return text ?? 'snapshot'
  if (text === 'no_sync')
    throw unsupported('priority no_sync: what is restored always replicates; use snapshot or replica')
  throw badRequest(`priority ${text.slice(0, 40)}: use snapshot or replica`)
}

const readChecksum = (text: string | undefined): string | undefined => {
  if (text !== undefined && !/^[0-9a-f]{64}$/i.test(text)) throw badRequest('checksum: send a SHA-256 in 64 hex digits')
  return text
}
