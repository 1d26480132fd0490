import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { parseRegionId, parseReplicaId, VersionVector } from '@meridian/core'
import { decodeMessage, encodeMessage, type Message, PROTOCOL_VERSION, type Sent } from '@meridian/replica'
import { LINK_PATH, LINK_PROTOCOL } from '@meridian/transport'
import WebSocket from 'ws'

/** The two doors of a region that speak WebSocket, as paths. */
export const DOORS = { link: LINK_PATH, room: '/sync/c/0' } as const

/** A client of either door, by its own hands: what it was sent and how it ended. */
export class Visitor {
  readonly got: Uint8Array[] = []
  readonly closed: Promise<number>

  private constructor(readonly ws: WebSocket) {
    ws.on('error', () => undefined)
    ws.on('message', (data) => this.got.push(new Uint8Array(data as Buffer)))
    this.closed = new Promise((resolve) => ws.once('close', resolve))
  }

  /** @throws the status of a refusal, as `Error` of its text */
  static async open(port: number, door: keyof typeof DOORS, path: string = DOORS[door]): Promise<Visitor> {
    const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, door === 'link' ? [LINK_PROTOCOL] : [])
    const visitor = new Visitor(ws)
    await once(ws, 'open')
    return visitor
  }

  say(...messages: readonly Sent[]): this {
    for (const message of messages) this.ws.send(encodeMessage(message))
    return this
  }

  hello(more: Partial<Extract<Sent, { type: 'hello' }>> = {}): this {
    return this.say({
      type: 'hello',
      protocol: PROTOCOL_VERSION,
      region: parseRegionId('xx'),
      replica: parseReplicaId(99),
      storeId: '00112233445566ff',
      joins: true,
      isActive: false,
      instance: 1,
      blockBytes: 0,
      durable: VersionVector.ZERO,
      ...more,
    })
  }

  messages(): Message[] {
    return this.got.map(decodeMessage)
  }
}

/** A socket past its upgrade, for frames that no library writes. */
export const upgraded = async (port: number, door: keyof typeof DOORS): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const protocol = door === 'link' ? `sec-websocket-protocol: ${LINK_PROTOCOL}\r\n` : ''
  socket.write(
    `GET ${DOORS[door]} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n` +
      `sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-extensions: permessage-deflate\r\n${protocol}\r\n`,
  )
  return socket
}

/** Reads to the end. @returns the head of the answer, and the code of the close frame; 0 without one */
export const farewell = async (socket: Socket): Promise<{ head: string; code: number }> => {
  const parts: Buffer[] = []
  socket.on('data', (bytes: Buffer) => parts.push(bytes))
  await new Promise((resolve) => socket.once('close', resolve))
  const all = Buffer.concat(parts)
  const start = all.indexOf('\r\n\r\n') + 4
  const head = all.subarray(0, start).toString('latin1')
  for (let at = start; at + 2 <= all.length; ) {
    const short = all[at + 1]!
    const [length, skip] =
      short < 126
        ? [short, 2]
        : short === 126
          ? [all.readUInt16BE(at + 2), 4]
          : [Number(all.readBigUInt64BE(at + 2)), 10]
    if ((all[at]! & 15) === 8) return { head, code: length >= 2 ? all.readUInt16BE(at + skip) : 1005 }
    at += skip + length
  }
  return { head, code: 0 }
}
