import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Prints the newest list of each customer, then lists as they come: java -cp 'libs/*' Subscribe.java [broker] [group] */
class Subscribe {
    public static void main(String[] arguments) {
        String broker = arguments.length > 0 ? arguments[0] : "127.0.0.1:9092";
        String group = arguments.length > 1 ? arguments[1] : "shop-" + System.currentTimeMillis();
        Map<String, Object> settings =
                Map.of("bootstrap.servers", broker, "group.id", group, "auto.offset.reset", "earliest");

        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of("recommendations"));
            while (true) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    // No value: the customer was erased.
                    if (record.value() != null) System.out.println(record.key() + " " + record.value());
                }
            }
        }
    }
}
