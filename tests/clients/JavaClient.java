// The program of the Java client; README.md describes it. Run as a source file.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

class JavaClient {
    static final ObjectMapper JSON = new ObjectMapper();
    static final int TIMEOUT_SECONDS = 30;
    static String brokers;

    public static void main(String[] args) throws Exception {
        brokers = args[0];
        Thread reader = new Thread(JavaClient::read);
        reader.setDaemon(true);
        reader.start();
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = input.readLine()) != null; ) {
            ObjectNode outcome = JSON.createObjectNode();
            try {
                produce(JSON.readTree(line));
                outcome.putNull("outcome");
            } catch (Exception error) {
                outcome.put("outcome", error.toString());
            }
            write(outcome);
        }
        System.exit(0);
    }

    static synchronized void write(JsonNode document) {
        System.out.println(document);
        System.out.flush();
    }

    static void read() {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", brokers);
        settings.put("enable.auto.commit", "false");
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<byte[], byte[]>(settings, bytes, bytes)) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (var info : consumer.partitionsFor("results")) {
                partitions.add(new TopicPartition("results", info.partition()));
            }
            consumer.assign(partitions);
            consumer.seekToEnd(partitions);
            partitions.forEach(consumer::position);
            write(JSON.createObjectNode().put("ready", true));
            while (true) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    ObjectNode document = JSON.createObjectNode();
                    ObjectNode answer = document.putObject("answer");
                    ArrayNode headers = answer.putArray("headers");
                    for (Header header : record.headers()) {
                        headers.addArray().add(header.key()).add(text(header.value()));
                    }
                    answer.put("value", text(record.value()));
                    write(document);
                }
            }
        }
    }

    static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    static byte[] bytes(JsonNode text) {
        return text.isNull() ? null : text.asText().getBytes(StandardCharsets.UTF_8);
    }

    static void produce(JsonNode request) throws Exception {
        String mode = request.get("mode").asText();
        boolean transaction = mode.equals("commit") || mode.equals("abort");
        Properties settings = new Properties();
        settings.put("bootstrap.servers", brokers);
        settings.put("acks", "all");
        settings.put("compression.type", request.get("codec").asText());
        settings.put("enable.idempotence", String.valueOf(!mode.equals("plain")));
        settings.put("max.block.ms", String.valueOf(TIMEOUT_SECONDS * 1000));
        if (transaction) {
            settings.put("transactional.id", "client-" + UUID.randomUUID());
        }
        if (!request.get("max").isNull()) {
            settings.put("max.request.size", request.get("max").asText());
        }
        var bytes = new ByteArraySerializer();
        try (var producer = new KafkaProducer<byte[], byte[]>(settings, bytes, bytes)) {
            if (transaction) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            List<Future<?>> sent = new ArrayList<>();
            for (JsonNode record : request.get("records")) {
                var produced =
                        new ProducerRecord<byte[], byte[]>(
                                record.get("topic").asText(),
                                bytes(record.get("key")),
                                bytes(record.get("value")));
                for (JsonNode header : record.get("headers")) {
                    produced.headers().add(header.get(0).asText(), bytes(header.get(1)));
                }
                sent.add(producer.send(produced));
            }
            for (Future<?> future : sent) {
                future.get(TIMEOUT_SECONDS, TimeUnit.SECONDS);
            }
            if (mode.equals("commit")) {
                producer.commitTransaction();
            } else if (mode.equals("abort")) {
                producer.abortTransaction();
            }
        }
    }
}
