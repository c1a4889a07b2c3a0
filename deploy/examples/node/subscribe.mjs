// Prints the newest list of each customer, then lists as they come: node subscribe.mjs [broker] [group]
import { Consumer, MessagesStreamFallbackModes, stringDeserializers } from '@platformatic/kafka';

const [broker = '127.0.0.1:9092', group = `shop-${Date.now()}`] = process.argv.slice(2);
const consumer = new Consumer({
  clientId: 'shop',
  groupId: group,
  bootstrapBrokers: [broker],
  deserializers: stringDeserializers,
});
const records = await consumer.consume({
  topics: ['recommendations'],
  mode: 'committed',
  fallbackMode: MessagesStreamFallbackModes.EARLIEST,
  autocommit: true,
});
for await (const { key, value } of records) {
  // No value: the customer was erased.
  if (value) console.log(key, JSON.parse(value).items.map(({ item_id }) => item_id).join(' '));
}
