import java.time.Instant;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Publishes one purchase: java -cp 'libs/*' Publish.java [broker] [customer] */
class Publish {
    public static void main(String[] arguments) throws Exception {
        String broker = arguments.length > 0 ? arguments[0] : "127.0.0.1:9092";
        String customer = arguments.length > 1 ? arguments[1] : "customer-7";
        String order = "order-" + System.currentTimeMillis();
        String purchase = """
                {"type": "purchase", "event_id": "%s", "user_id": "%s", "occurred_at": "%s",
                 "items": [{"item_id": "22613", "quantity": 12, "price": 0.85}]}
                """.formatted(order, customer, Instant.now());

        Map<String, Object> settings = Map.of("bootstrap.servers", broker, "acks", "all");
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>("purchases", customer, purchase)).get();
        }
        System.out.println("published " + order);
    }
}
