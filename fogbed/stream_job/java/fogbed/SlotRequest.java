package fogbed;

import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.operators.SlotSharingGroup;
import org.apache.flink.configuration.MemorySize;

/** Where an operator is placed: one unit of an external resource and a share of its TaskManager. */
final class SlotRequest {

    private final Map<String, String> parts = new HashMap<>();
    private final String option;

    /** Parses {@code resource=NAME,cpu=0.3333,heap=BYTES[,managed=BYTES][,offheap=BYTES]}. */
    SlotRequest(String option, String text) {
        this.option = option;
        for (String part : text.split(",")) {
            String[] sides = part.split("=", 2);
            if (sides.length != 2) {
                throw new IllegalArgumentException(option + ": " + part + " is not key=value");
            }
            parts.put(sides[0].strip(), sides[1].strip());
        }
    }

    private String part(String key) {
        if (!parts.containsKey(key)) {
            throw new IllegalArgumentException(option + ": " + key + "= is missing");
        }
        return parts.get(key);
    }

    private MemorySize memory(String key) {
        return new MemorySize(Long.parseLong(parts.getOrDefault(key, "0")));
    }

    /** The slot-sharing group of this name that asks for it. */
    SlotSharingGroup group(String name) {
        part("heap");
        return SlotSharingGroup.newBuilder(name)
                .setCpuCores(Double.parseDouble(part("cpu")))
                .setTaskHeapMemory(memory("heap"))
                .setTaskOffHeapMemory(memory("offheap"))
                .setManagedMemory(memory("managed"))
                .setExternalResource(part("resource"), 1.0)
                .build();
    }
}
