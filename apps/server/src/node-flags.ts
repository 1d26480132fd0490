/**
 * How Node is to be started for a region. Room for young objects, in MB: by itself it grows to 16, and then each collection stops
 * requests for 4 to 6 ms under a load; with 2 they come four times as often, for about 1 ms, and full ones take half as long.
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=2']
