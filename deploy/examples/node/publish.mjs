// Publishes one purchase: node publish.mjs [broker] [customer]
import { compatibilityPartitioner, ProduceAcks, Producer, stringSerializers } from '@platformatic/kafka';

const [broker = '127.0.0.1:9092', customer = 'customer-7'] = process.argv.slice(2);
const purchase = {
  type: 'purchase',
  event_id: `order-${Date.now()}`,
  user_id: customer,
  occurred_at: new Date().toISOString(),
  items: [{ item_id: '22613', quantity: 12, price: 0.85 }],
};

const producer = new Producer({
  clientId: 'shop',
  bootstrapBrokers: [broker],
  serializers: stringSerializers,
  acks: ProduceAcks.ALL,
  // As Kafka's Java client does: all that belongs to a customer is in one partition.
  partitioner: compatibilityPartitioner,
});
await producer.send({ messages: [{ topic: 'purchases', key: customer, value: JSON.stringify(purchase) }] });
await producer.close();
console.log(`published ${purchase.event_id}`);
